module labctl/labs/shared-kernel/runner

go 1.26
