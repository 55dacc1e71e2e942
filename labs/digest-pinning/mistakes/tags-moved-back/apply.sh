for app in web till parcels; do
  crane tag "registry:5000/shop/$app@$(sed -n "s/.*shop\/$app:v1\.2  *//p" release-1.2.md)" v1.2
done
kubectl -n shop rollout restart deployment/web
kubectl -n shop rollout status deployment/web --timeout 60s
