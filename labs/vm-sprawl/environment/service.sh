# What this machine is, by its place in FACT_FLEET: its service, who answers for it, its update.
place=0
for name in $(echo "$FACT_FLEET" | tr , ' '); do
  place=$((place + 1))
  [ "$name" != "$(hostname)" ] || break
done
set -- web:mara:1.1 pay:jonas:1.0 stock:ines:1.0 mail:emil:1.1 archive:mara:1.1 \
  old-shop:jonas:1.0 try-out:tom:1.0 demo:greta:1.1
shift $((place - 1))
IFS=: read -r service owner version <<END
$1
END
mkdir -p /etc/service
echo "$service" > /etc/service/name
echo "$owner" > /etc/service/owner
echo "$FACT_SECRET-$service" > /etc/service/secret
[ "$version" = 1.0 ] || dpkg --install /media/updates/status_1.1_all.deb > /dev/null
sync
