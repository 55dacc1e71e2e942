module labctl/vmm

go 1.26
