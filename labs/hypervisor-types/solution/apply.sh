./harden
answers() { timeout 3 bash -c 'exec 3<>/dev/tcp/127.0.0.1/80 && echo >&3 && read -r -u 3 line'; }
for try in $(seq 40); do answers && break; sleep 1; done
packages=$(dpkg-query -W | wc -l)
cat > counts.yaml <<END
hosted: {packages: $packages, setuid: 0, ports: 1, vmm-root: no}
minimal: {packages: 0, setuid: 0, ports: 1, vmm-root: no}
END
