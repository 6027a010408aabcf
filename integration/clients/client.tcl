#!/usr/bin/tclsh
# usage: client.tcl MOUNT FILE PIPE
# Nothing ever comes out of PIPE.
lassign $argv mount path pipe
lassign {1000 32 4096} reads depth size

proc put {name text} { set f [open $name w]; puts $f $text; close $f }
proc slurp {name} { set f [open $name rb]; set all [read $f]; close $f; return $all }
proc check {got want} { if {$got ne $want} { error "$got, not $want" } }

set new [open $mount/ctx/new]               ;# the context lives as long as this is open
set c $mount/ctx/[gets $new]
put $c/nr_events $depth
put $c/files "open 0 open=rdwr $path\nopen 1 open=rdwr $pipe"
set submit [open $c/submit w]
fconfigure $submit -buffering full -buffersize 65536
set events [open $c/events]
set buf [open $c/buf rb]

# Random reads, each into its own place in buf, which is used again when what came has been looked at.
set content [slurp $path]
proc random_read {place} {
    global block content size submit
    set block($place) [expr {int(rand() * [string length $content] / $size) * $size}]
    puts $submit "pread tag=$place slot=0 off=$block($place) len=$size buf=[expr {$place * $size}]"
}
for {set begun 0} {$begun < $depth} {incr begun} { random_read $begun }
flush $submit
for {set verified 0} {$verified < $reads} {incr verified} {
    lassign [gets $events] place res err
    check "$res $err" "$size -"
    seek $buf [expr {$place * $size}]
    check [read $buf $size] [string range $content $block($place) [expr {$block($place) + $size - 1}]]
    if {$begun < $reads} { random_read $place; flush $submit; incr begun }
}

proc one {request want} {
    puts $::submit $request; flush $::submit
    if {[string match *ECANCELED $want]} { put $::c/cancel tag=7 }
    check [lrange [gets $::events] 0 2] $want
}
one "pwrite tag=7 slot=0 off=[string length $content] str=written\\012" {7 8 -}
one {fsync tag=7 slot=0} {7 0 -}
one {pread tag=7 slot=1 len=1} {7 -125 ECANCELED}
