cd /workspace
sed -i '/^curl/d' pipeline.sh
