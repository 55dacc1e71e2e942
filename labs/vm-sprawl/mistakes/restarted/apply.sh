set -- $(echo "$FACT_FLEET" | tr , ' ')
for machine in "$1" "$2" "$3" "$4" "$5"; do vm power "$machine" reset; done
for machine in "$1" "$2" "$3" "$4" "$5"; do
  until curl -s -m 3 "http://$machine/cgi-bin/status?me" | grep -q Hello; do sleep 1; done
done
