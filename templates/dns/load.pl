#!/usr/bin/perl
# load.pl ZONE…: has a named that just woke read its zones, and returns when it answers for each of them. Whoever calls it
# sets a limit. It asks by itself: until dig has started, named could have read its zones twice.
use strict;
use warnings;
use Socket;

my ($here) = $0 =~ m{^(/.*)/} or die "call it by its whole path\n";
chdir $here or die "$here: $!\n";
open my $awake, '>', 'awake' or die "awake: $!\n";
unlink 'zones.conf.new';
symlink 'served.conf', 'zones.conf.new' and rename 'zones.conf.new', 'zones.conf' or die "zones.conf: $!\n";
# Not by rndc, which waits a minute for a named that is stuck.
system('pkill', '-HUP', '-f', "^named -f .*-c $here/named\\.conf") == 0 or die "named does not run\n";

socket my $named, PF_INET, SOCK_DGRAM, 0 or die "socket: $!\n";
connect $named, sockaddr_in(53, INADDR_LOOPBACK) or die "connect: $!\n";
for my $at (0 .. $#ARGV) {
    select undef, undef, undef, 0.002 until is_served($at);
}

# Whether named answers for the zone of this number, with authority (AA) and without an error. What comes too late counts
# for the next call: a question's id is the zone's number.
sub is_served {
    my ($at) = @_;
    send($named, question($at, $ARGV[$at]), 0) or return 0;
    while (is_readable()) {
        my $answer;
        defined recv($named, $answer, 512, 0) && length $answer >= 12 or return 0;
        my ($id, $flags) = unpack 'n2', $answer;
        return ($flags & 0x840f) == 0x8400 if $id == $at;
    }
    return 0;
}

# Within 20 ms.
sub is_readable {
    vec(my $waits = '', fileno $named, 1) = 1;
    return select($waits, undef, undef, 0.02) > 0;
}

# RFC 1035, section 4: a header that says one question; the zone by its labels; its SOA (6), class IN (1).
sub question {
    my ($id, $zone) = @_;
    my $labels = join '', map { pack 'C/a*', $_ } split /\./, $zone;
    return pack('n6', $id, 0, 1, 0, 0, 0) . $labels . pack('C n2', 0, 6, 1);
}
