# What the desk has of this session: its key, and a ticket.
umask 027
echo "$FACT_DESK_KEY" > /etc/desk/key
chown root:desk /etc/desk/key
umask 022
echo "Ticket $FACT_TICKET: $FACT_SUBJECT" > "/var/lib/desk/tickets/$FACT_TICKET"
