module labctl/labs/namespaces/monitor

go 1.26
