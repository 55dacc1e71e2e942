module labctl/labs/cgroup-limits/app

go 1.25
