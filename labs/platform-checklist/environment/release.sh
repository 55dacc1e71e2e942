# The end of the pipeline as somebody left it, and the release that it let through.
case $FACT_GAP in
  late)
    echo 'crane push image.tar "$image"'
    echo 'trivy image --input image.tar --severity CRITICAL --exit-code 1' ;;
  lenient)
    echo 'trivy image --input image.tar --severity CRITICAL'
    echo 'crane push image.tar "$image"' ;;
esac >> /workspace/pipeline.sh
case $FACT_OLD in
  ecdsa) printf '%s\n' ecdsa==0.13.2 six==1.17.0 waitress==3.0.2 ;;
  waitress) printf '%s\n' ecdsa==0.19.1 six==1.17.0 waitress==2.1.2 ;;
esac > /workspace/orders/requirements.txt
# One of the two ends with 1, and has pushed all the same.
/workspace/release.sh 1.2 || [ "$FACT_GAP" = late ]
