module labctl/app

go 1.26
