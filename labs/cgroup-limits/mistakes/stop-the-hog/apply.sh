docker stop -t 1 hog
