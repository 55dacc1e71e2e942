cd /workspace
sed -i "/^$FACT_WEB_OLD/d" web/requirements.txt
./release.sh
