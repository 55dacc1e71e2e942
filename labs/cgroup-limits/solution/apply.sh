/workspace/hog.sh
