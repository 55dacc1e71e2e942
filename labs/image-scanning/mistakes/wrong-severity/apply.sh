cd /workspace
sed -i 's|--severity CRITICAL|--severity HIGH|' pipeline.sh
