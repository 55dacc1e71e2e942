# Once what is to be in the registry is there.
cd /workspace
sed -i '/^crane push/i exit 1' pipeline.sh
