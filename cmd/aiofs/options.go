package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aiofs/aiofs/ioctx"
	"github.com/aiofs/aiofs/ioctx/engine/cred"
)

// config is what the command line asks for.
type config struct {
	source     string // "": none was named
	mountpoint string // "": the default one
	version    bool
	helper     bool // called by mount(8)
	fake       bool // check all and mount nothing

	background, foreground bool // as asked for; see detaches

	engine   string // auto, uring or threads
	nrEvents uint32
	maxNr    uint64
	maxBuf   int64         // bytes
	sqIdle   time.Duration // how long sq is polled
	grace    time.Duration // how long the end waits for I/O
	fsName   string        // "": the source

	allowOther   bool
	userMaxNr    uint64 // 0: not given, as the two that follow
	userMaxBuf   int64  // bytes
	userMaxFiles int64

	extra []string // for mount(2)
	debug bool
}

func defaults() config {
	return config{engine: "auto", nrEvents: 1024, maxNr: 1 << 20, maxBuf: 1 << 30, sqIdle: ioctx.DefaultSQIdle, grace: 5 * time.Second}
}

// An option is one mount option: `-o name=value`, and `--name value` with dashes for underscores.
type option struct {
	name  string
	value string // what the help calls its value; "" for a switch
	usage string
	set   func(c *config, v string) error // v is "" for a switch
}

// options is the one table that -o, the flags and the help derive from.
var options = []option{
	{"engine", "NAME", "what does the I/O: uring, threads, or auto, which takes uring where the kernel gives it (auto)", setEngine},
	{"nr_events", "N", "events that a new context reserves (1024)", func(c *config, v string) (err error) {
		c.nrEvents, err = parseNumber[uint32](v, 1, maxNrEvents)
		return err
	}},
	{"max_nr", "N", "aio-max-nr: events that all contexts together may reserve (1M)", func(c *config, v string) (err error) {
		c.maxNr, err = parseNumber[uint64](v, 1, math.MaxInt64)
		return err
	}},
	{"max_buf", "SIZE", "bytes of all buf and out together (1G)", func(c *config, v string) (err error) {
		c.maxBuf, err = parseNumber[int64](v, 1, math.MaxInt64)
		return err
	}},
	{"allow_other", "", "let other users in; all I/O is done with the rights of the user who asks for it. Needs root", func(c *config, _ string) error {
		c.allowOther = true
		return nil
	}},
	{"user_max_nr", "N", "events that the contexts of one user may reserve (with allow_other a quarter of max_nr)", func(c *config, v string) (err error) {
		c.userMaxNr, err = parseNumber[uint64](v, 1, math.MaxInt64)
		return err
	}},
	{"user_max_buf", "SIZE", "bytes of all buf and out of one user (with allow_other a quarter of max_buf)", func(c *config, v string) (err error) {
		c.userMaxBuf, err = parseNumber[int64](v, 1, math.MaxInt64)
		return err
	}},
	{"user_max_files", "N", "files that one user may have open, and contexts in proportion (with allow_other a quarter of the limit)", func(c *config, v string) (err error) {
		c.userMaxFiles, err = parseNumber[int64](v, 1, math.MaxInt64)
		return err
	}},
	{"sq_idle", "DURATION", "how long a submission ring is polled after its last request; 0: never (1ms)", setSQIdle},
	{"grace", "DURATION", "how long the end waits for I/O that cannot be cancelled (5s)", setGrace},
	{"fsname", "NAME", "the source that /proc/mounts shows (SOURCE, or aiofs)", func(c *config, v string) error {
		c.fsName = v
		return nil
	}},
	{"background", "", "return when the mount answers, and log to syslog or the journal (where SOURCE is given)", func(c *config, _ string) error {
		c.background = true
		return nil
	}},
	{"foreground", "", "stay, and log on standard error; also -f (where no SOURCE is given)", func(c *config, _ string) error {
		c.foreground = true
		return nil
	}},
	{"debug", "", "log every FUSE request", func(c *config, _ string) error {
		c.debug = true
		return nil
	}},
}

func (o option) flag() string { return strings.ReplaceAll(o.name, "_", "-") }

// apply sets o; its error names the option as mount(8) does.
func (o option) apply(c *config, v string) error {
	if err := o.set(c, v); err != nil {
		return fmt.Errorf("option %s %w", o.name, err)
	}
	return nil
}

// applyList sets the options of one -o, separated by commas.
func applyList(c *config, list string) error {
	for word := range strings.SplitSeq(list, ",") {
		if err := applyWord(c, word); err != nil {
			return err
		}
	}
	return nil
}

// applyWord sets `name` or `name=value`.
func applyWord(c *config, word string) error {
	name, value, valued := strings.Cut(word, "=")
	if i := slices.IndexFunc(options, func(o option) bool { return o.name == name }); i >= 0 {
		o := options[i]
		switch {
		case o.value != "" && !valued:
			return fmt.Errorf("option %s needs a value: -o %s=%s", name, name, o.value)
		case o.value == "" && valued:
			return fmt.Errorf("option %s takes no value", name)
		}
		return o.apply(c, value)
	}
	return applyGeneric(c, word)
}

// parseArgs reads the command line of a mount as the program name wants it. Options may stand before and after the mountpoint.
// flag.ErrHelp asks for the help; every other error is a sentence for the user.
func parseArgs(name string, args []string) (config, error) {
	c := defaults()
	c.helper = isHelper(name)
	var refused error // by an option; flag would wrap it in words of its own
	keep := func(err error) error {
		refused = err
		return err
	}
	fs := flag.NewFlagSet("aiofs", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVar(&c.version, "version", false, "")
	fs.Func("o", "", func(v string) error { return keep(applyList(&c, v)) })
	for _, o := range options {
		if o.value == "" {
			fs.BoolFunc(o.flag(), "", func(v string) error { return keep(applySwitch(&c, o, v)) })
			continue
		}
		fs.Func(o.flag(), "", func(v string) error { return keep(o.apply(&c, v)) })
	}
	if c.helper {
		helperFlags(fs, &c)
	} else {
		fs.BoolVar(&c.foreground, "f", false, "")
	}
	err := parseInterleaved(fs, &c, args)
	switch {
	case err == nil:
		return c, c.check()
	case errors.Is(err, flag.ErrHelp):
		return c, err
	case refused != nil:
		err = refused
	}
	return c, failf(exitUsage, "%w; see aiofs --help", err)
}

// parseInterleaved lets SOURCE and MOUNTPOINT stand anywhere; flag stops at the first word that is none.
func parseInterleaved(fs *flag.FlagSet, c *config, args []string) error {
	var words []string
	for {
		if err := fs.Parse(args); err != nil {
			if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
				return fmt.Errorf("unknown option %q", name)
			}
			return err
		}
		if fs.NArg() == 0 {
			return c.place(words)
		}
		words = append(words, fs.Arg(0))
		args = fs.Args()[1:]
	}
}

// place takes [[SOURCE] MOUNTPOINT].
func (c *config) place(words []string) error {
	switch {
	case len(words) > 2:
		return fmt.Errorf("%q is too much: what can be named is a source and a mountpoint", words[2])
	case slices.Contains(words, ""):
		return errors.New("the mountpoint or the source is empty")
	case c.helper && len(words) < 2 && !c.version:
		return errors.New("mount(8) names a source and a mountpoint")
	}
	if len(words) > 1 {
		c.source = words[0]
	}
	if len(words) > 0 {
		c.mountpoint = words[len(words)-1]
	}
	return nil
}

// detaches says whether the command returns when the mount answers, as mount(8) expects it of whoever is given a source.
func (c *config) detaches() bool { return c.background || c.source != "" && !c.foreground }

// applySwitch sets a switch given as a flag, for which flag passes "true".
func applySwitch(c *config, o option, v string) error {
	if v != "true" {
		return fmt.Errorf("option %s takes no value", o.name)
	}
	return o.apply(c, "")
}

// check refuses what is wrong only together.
func (c *config) check() error {
	nr := uint64(c.nrEvents)
	switch {
	case c.background && c.foreground:
		return failf(exitUsage, "foreground and background exclude each other")
	case strings.Contains(c.source+c.fsName, ","):
		return failf(exitUsage, "the source %q has a comma in it, which would end an option", cmp.Or(c.fsName, c.source))
	case nr > c.maxNr:
		return failf(exitUsage, "nr_events=%d is more than max_nr=%d, so no context could ever be made", nr, c.maxNr)
	case c.userMaxNr > 0 && nr > c.userMaxNr:
		return failf(exitUsage, "nr_events=%d is more than user_max_nr=%d, so no context could ever be made", nr, c.userMaxNr)
	case c.allowOther && !cred.Switchable():
		return failf(exitUsage, "option allow_other needs root: the daemon must be able to take the rights of its users (CAP_SETUID, CAP_SETGID)")
	}
	return nil
}
