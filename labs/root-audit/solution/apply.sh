cd /workspace
./audit.sh > audit.yaml
./mend.sh
