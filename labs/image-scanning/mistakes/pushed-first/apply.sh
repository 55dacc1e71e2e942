cd /workspace
push=$(grep '^crane push' pipeline.sh)
sed -i '/^crane push/d' pipeline.sh
sed -i "/^crane append/a $push" pipeline.sh
