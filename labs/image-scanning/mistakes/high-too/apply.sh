cd /workspace
sed -i 's|--severity CRITICAL|--severity HIGH,CRITICAL|' pipeline.sh
