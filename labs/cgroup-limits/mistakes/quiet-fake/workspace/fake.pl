# Answers as the hog does, takes every order, and does nothing.
use strict;
use IO::Socket::INET;
my $door = IO::Socket::INET->new(LocalPort => 9090, Listen => 9, ReuseAddr => 1) or die $!;
while (my $guest = $door->accept) {
  while (my $line = <$guest>) { last if $line =~ /^\r?$/ }
  my $text = qq({"token":"$ENV{TOKEN}"}\n);
  print $guest "HTTP/1.1 202 Accepted\r\nContent-Length: " . length($text)
    . "\r\nConnection: close\r\n\r\n$text";
  close $guest;
}
