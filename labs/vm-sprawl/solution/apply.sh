inventory() {
  set -- $(echo "$FACT_FLEET" | tr , ' ')
  next=$(date -d '+1 year' +%Y-%m-%d)
  echo "$1: {service: web, owner: mara, expires: $next}"
  echo "$2: {service: pay, owner: jonas, expires: $next}"
  echo "$3: {service: stock, owner: ines, expires: $next}"
  echo "$4: {service: mail, owner: emil, expires: $next}"
  echo "$5: {service: archive, owner: mara, expires: $next}"
}
inventory > inventory.yaml
./clean-up
