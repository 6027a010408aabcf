#!/usr/bin/perl
# usage: client.pl MOUNT FILE PIPE
# Nothing ever comes out of PIPE.
use strict;
use warnings;
use Errno qw(EAGAIN ECANCELED);
use Fcntl;
use IO::Select;

use constant { IOCB => 'Q L l S s L Q Q q Q L L', EVENT => '(Q Q q q)*' };    # linux/aio_abi.h
use constant { PREAD => 0, PWRITE => 1, FSYNC => 2, FILE_BUF => 1 << 30 | 1 << 31 };
use constant { READS => 1000, DEPTH => 32, SIZE => 4096 };

my ( $mount, $path, $pipe ) = @ARGV;

sub opened {
    my ( $name, $mode ) = @_;
    sysopen my $file, $name, $mode or die "$name: $!\n";
    return $file;
}

sub put {
    my ( $name, $text ) = @_;
    syswrite( opened( $name, O_WRONLY ), $text ) == length $text or die "$name: $!\n";
}

my $new = opened( "$mount/ctx/new", O_RDONLY );    # the context lives as long as this is open
my $c   = "$mount/ctx/" . int readline $new;
put( "$c/nr_events", DEPTH );
put( "$c/files",     "open 0 open=rdwr $path\nopen 1 open=rdwr $pipe\n" );
my $submit = opened( "$c/submit",     O_WRONLY );
my $events = opened( "$c/events_raw", O_RDONLY | O_NONBLOCK );
my $ready  = opened( "$c/ready",      O_RDONLY | O_NONBLOCK );
my $buf    = opened( "$c/buf",        O_RDWR );
my $select = IO::Select->new($ready);

sub start {
    my $batch = join '', @_;
    syswrite( $submit, $batch ) == length $batch or die "submit: $!\n";
}

sub request {
    my ( $tag, $op, $at, $nbytes, $offset, $slot ) = map { $_ // 0 } @_[ 0 .. 5 ];
    return pack IOCB, $tag, 0, 0, $op, 0, $slot, $at, $nbytes, $offset, 0, FILE_BUF, 0;
}

# The events that are there, one at least, as [tag, res].
sub reap {
    my $raw;
    until ( sysread $events, $raw, DEPTH * 32 ) {
        $! == EAGAIN or die "events_raw: $!\n";
        $select->can_read;
        sysread $ready, my $byte, 64 or die "ready: $!\n";
    }
    my @all = unpack EVENT, $raw;
    return map { [ @all[ 4 * $_, 4 * $_ + 2 ] ] } 0 .. @all / 4 - 1;
}

# Random reads, each into its own place in buf, which is used again when what came has been looked at.
my $content = do { local $/; readline opened( $path, O_RDONLY ) };
my ( @block, $begun, $verified );

sub random_read {
    my ($place) = @_;
    $block[$place] = SIZE * int rand( length($content) / SIZE );
    return request( $place, PREAD, $place * SIZE, SIZE, $block[$place] );
}

start( map { random_read($_) } 0 .. DEPTH - 1 );
for ( $begun = DEPTH, $verified = 0 ; $verified < READS ; ) {
    my @again;
    for ( reap() ) {
        my ( $place, $res ) = @$_;
        sysseek $buf, $place * SIZE, 0;
        sysread $buf, my $got, SIZE;
        $res == SIZE && $got eq substr $content, $block[$place], SIZE or die "read at $block[$place]: $res\n";
        $verified++;
        push @again, random_read($place) if $begun++ < READS;
    }
    start(@again) if @again;
}

sub one {
    my ( $want, @request ) = @_;
    start( request( 7, @request ) );
    put( "$c/cancel", "tag=7\n" ) if $want == -ECANCELED;
    my ($event) = reap();
    $event->[1] == $want or die "@request: $event->[1], not $want\n";
}

syswrite opened( "$c/buf", O_WRONLY ), "written\n";
one( 8, PWRITE, 0, 8, length $content );
one( 0, FSYNC );
one( -ECANCELED, PREAD, 0, 1, 0, 1 );
