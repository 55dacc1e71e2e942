module labctl/labs/container-hardening/notary

go 1.26
