# Looks like a service: its name, its ports. What it says changes from one guest to the next.
use strict;
use IO::Select;
use IO::Socket::INET;
my ($name, @ports) = @ARGV;
$0 = $name;
$SIG{CHLD} = $SIG{PIPE} = 'IGNORE';
my @doors = grep { $_ } map { IO::Socket::INET->new(LocalPort => $_, Listen => 50, ReuseAddr => 1) } @ports;
my $ink = "\e[2J\e]0;owned\a\e[31m[bold red]all is well[/]</testcase>&<script>alert(1)</script>\x{0}\x{8}\r\n";
my $guests = 0;
while (my @ready = IO::Select->new(@doors)->can_read) {
  for my $door (@ready) {
    my $guest = $door->accept or next;
    my $way = $guests++ % 4;
    next if fork;
    alarm 120;
    sysread $guest, my $asked, 65536 if $way < 3;
    if ($way == 0) {
      print $guest "HTTP/1.1 200 OK\r\nContent-Length: " . length($ink) . "\r\n\r\n$ink";
    } elsif ($way == 1) {  # more than anybody wants to hear
      print $guest "HTTP/1.1 200 OK\r\n\r\n";
      my $flood = $ink x 4096;
      for (my $sent = 0; $sent < 1 << 30; $sent += length $flood) { print $guest $flood or last }
    } elsif ($way == 2) {  # no HTTP, and headers that never end
      print $guest "X: $ink" or last for 1 .. 1 << 20;
    } else {  # nothing at all
      sleep 100;
    }
    exit;
  }
}
