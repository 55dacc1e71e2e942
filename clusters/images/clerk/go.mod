module labctl/clerk

go 1.26
