sed -i 's/expires: [0-9-]*/expires: 2999-12-31/' inventory.yaml
