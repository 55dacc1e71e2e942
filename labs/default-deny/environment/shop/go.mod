module labctl/shop

go 1.26
