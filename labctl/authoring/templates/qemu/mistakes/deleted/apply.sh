vm exec box -- rm /srv/site/notes.txt
