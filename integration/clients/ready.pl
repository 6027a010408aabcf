#!/usr/bin/env perl
# A Perl client of `ready`: select, and poll, beside a pipe of its own.
#
# usage: ready.pl MOUNT FILE
#
# It says nothing and exits with 0, or dies.
use strict;
use warnings;
use Fcntl;
use IO::Poll qw(POLLIN POLLHUP);

my ($mount) = @ARGV;
my $c = "$mount/ctx/4000000000";
mkdir $c, 0700 or die "mkdir: $!";
sysopen my $ready, "$c/ready", O_RDONLY | O_NONBLOCK or die "ready: $!";
sysopen my $events, "$c/events", O_RDONLY | O_NONBLOCK or die "events: $!";
pipe my $idle, my $end or die "pipe: $!";

sub submit {
	sysopen my $submit, "$c/submit", O_WRONLY or die "submit: $!";
	syswrite($submit, "noop tag=$_[0]\n") or die "submit: $!";
}

# Which of the two can be read within so many seconds; undef: no limit.
sub selected {
	my $in = '';
	vec($in, fileno $_, 1) = 1 for $ready, $idle;
	my $n = select $in, undef, undef, $_[0];
	die "select: $!" if $n < 0;
	return join ' ', (vec($in, fileno $ready, 1) ? 'ready' : ()), (vec($in, fileno $idle, 1) ? 'idle' : ());
}

sub take {
	sysread $ready, my $byte, 64 or die "ready: $!";
	sysread $events, my $line, 4096 or die "events: $!";
	$line =~ /^$_[0] 0 - / or die "event: $line";
}

selected(0) eq '' or die 'ready without an event';
submit(1);
selected(undef) eq 'ready' or die 'not ready';
take(1);
selected(0) eq '' or die 'ready after its byte was read';

my $poll = IO::Poll->new;
$poll->mask($_ => POLLIN) for $ready, $idle;
submit(2);
$poll->poll == 1 && $poll->events($ready) & POLLIN or die 'poll: not ready';
take(2);
rmdir $c or die "rmdir: $!";
$poll->poll == 1 && $poll->events($ready) & POLLHUP or die 'poll: no POLLHUP';
