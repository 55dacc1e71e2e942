# What the pipeline had before you came: sources, the release key, and a release that nobody signed.
mkdir -p "$HOME/sources" "$HOME/keys"
echo "$FACT_WEB_KEY" > "$HOME/sources/web"
echo "$FACT_TILL_KEY" > "$HOME/sources/till"
echo "$FACT_PARCELS_KEY" > "$HOME/sources/parcels"
keypair "$HOME/keys/release" "release $FACT_RELEASE_SECRET"
cp "$HOME/keys/release.pub" /workspace/release.pub
/workspace/pipeline.sh > /dev/null
