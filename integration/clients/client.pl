#!/usr/bin/perl
# A Perl client of aiofs: struct iocb in, struct io_event out.
#
# usage: client.pl MOUNT FILE
#
# FILE holds 512 KiB. It says nothing and exits with 0, or dies.
use strict;
use warnings;
use Errno qw(EAGAIN EINVAL);
use Fcntl qw(O_RDONLY O_WRONLY O_NONBLOCK);

my ( $mount, $path ) = @ARGV;
my ( $PREAD, $NOOP ) = ( 0, 6 );
my $flags = 1 << 30 | 1 << 31;    # IOCB_FLAG_FILE, IOCB_FLAG_BUF

# iocb packs a struct iocb of linux/aio_abi.h.
sub iocb {
    my ( $tag, $op, $buf, $nbytes, $offset ) = @_;
    return pack 'Q L L S s L Q Q q Q L L', $tag, 0, 0, $op, 0, 0, $buf // 0, $nbytes // 0, $offset // 0, 0,
        $op == $NOOP ? 0 : $flags, 0;
}

sub check { $_[0] or die "$_[1]\n" }

sub open_file {
    my ( $name, $mode ) = @_;
    sysopen my $fh, $name, $mode or die "$name: $!\n";
    binmode $fh;
    return $fh;
}

sub put {
    my ( $name, $text ) = @_;
    my $fh = open_file( $name, O_WRONLY );
    check( syswrite( $fh, $text ) == length $text, "$name: $!" );
}

sub slurp {
    my ( $name, $size ) = @_;
    my $fh = open_file( $name, O_RDONLY );
    read $fh, my $all, $size or die "$name: $!\n";
    return $all;
}

my $alive = open_file( "$mount/ctx/new", O_RDONLY );
sysread $alive, my $number, 32;
chomp $number;
my $c = "$mount/ctx/$number";

# As many as there are slots for are taken, and counted.
put( "$c/nr_events", "4\n" );
put( "$c/files",     "open 0 open=rdonly $path\n" );
my $submit = open_file( "$c/submit", O_WRONLY | O_NONBLOCK );
my $batch = join '', map { iocb( $_, $PREAD, $_ * 4096, 4096, $_ * 8192 ) } 0 .. 9;
my $rest  = $batch;
my $raw   = open_file( "$c/events_raw", O_RDONLY );
my %seen;
while ( length $rest ) {
    my $taken = syswrite $submit, $rest;
    check( defined $taken, "submit: $!" );
    check( $taken == ( length $rest < 256 ? length $rest : 256 ), "$taken bytes were taken" );
    substr $rest, 0, $taken, '';
    my $left = $taken / 64;
    check( !defined syswrite( $submit, $rest ) && $! == EAGAIN, 'there are more slots than asked for' ) if length $rest;
    while ( $left > 0 ) {
        my $n = sysread $raw, my $events, 4096;
        check( $n && $n % 32 == 0, "events_raw: $!" );
        for ( unpack '(a32)*', $events ) {
            my ( $data, $obj, $res, $res2 ) = unpack 'Q Q q q';
            check( !$seen{$data}++ && $obj == $data + 1 && $res == 4096 && $res2 == 0, "event of $data: $res" );
            $left--;
        }
    }
}
check( keys %seen == 10, 'not every tag came' );
my $file = slurp( $path, 512 << 10 );
check( slurp( "$c/buf", 10 * 4096 ) eq join( '', map { substr $file, $_ * 8192, 4096 } 0 .. 9 ), 'buf holds other bytes' );

# A refused iocb ends the count.
check( syswrite( $submit, iocb( 1, $NOOP ) . iocb( 2, 4 ) ) == 64, 'what was taken before the refusal is counted' );
check( !defined syswrite( $submit, iocb( 2, 4 ) ) && $! == EINVAL, 'opcode 4 was accepted' );
close $submit;
check( sysread( $raw, my $last, 4096 ) == 32, 'no event' );
check( sysread( $raw, $last, 4096 ) == 0, 'no end of file' );
