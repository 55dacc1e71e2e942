./after-revert
