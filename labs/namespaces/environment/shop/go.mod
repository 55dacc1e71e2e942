module labctl/labs/namespaces/shop

go 1.26
