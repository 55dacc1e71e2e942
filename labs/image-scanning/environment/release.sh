# The apps' libraries as they were when somebody last thought about them, and a release of each.
pin() {
  file=/workspace/$1/requirements.txt
  shift
  printf '%s\n' "$@" > "$file"
}
case $FACT_WEB_OLD in
  ecdsa) pin web ecdsa==0.13.2 six==1.17.0 waitress==3.0.2 ;;
  waitress) pin web ecdsa==0.19.1 six==1.17.0 waitress==2.1.2 ;;
esac
case $FACT_TILL_OLD in
  h11) pin till h11==0.14.0 httpx==0.28.1 idna==3.6 ;;
  httpx) pin till h11==0.16.0 httpx==0.22.0 idna==3.6 ;;
esac
pin parcels gunicorn==21.2.0 mako==1.2.1
for app in web till parcels; do build "$app" 1.2; done
