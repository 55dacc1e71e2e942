cd /workspace
sed -i 's|--exit-code 1|& --ignore-unfixed|' pipeline.sh
