"""What tests build: installations, backups, attackers; and what they hold against each other."""
