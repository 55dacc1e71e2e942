/workspace/pipeline.sh
