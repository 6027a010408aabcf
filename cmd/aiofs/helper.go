package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// isHelper says whether the program was called as mount(8) calls its helpers: mount.aiofs, mount.fuse.aiofs.
func isHelper(name string) bool { return strings.HasPrefix(filepath.Base(name), "mount.") }

// helperFlags adds what mount(8) passes besides -o, and of which -f means something else there: helpers get
// SOURCE MOUNTPOINT [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE].
func helperFlags(fs *flag.FlagSet, c *config) {
	fs.BoolVar(&c.fake, "f", false, "")
	for _, name := range []string{"s", "n", "v"} { // sloppy, no mtab, verbose
		fs.Bool(name, false, "")
	}
	fs.String("N", "", "") // mount(8) has changed to the namespace already
	fs.Func("t", "", func(v string) error {
		if v != "fuse.aiofs" && v != "aiofs" {
			return fmt.Errorf("type %q is not that of aiofs", v)
		}
		return nil
	})
}

// generic are the options of mount(8) that hold here anyway, do nothing here, or speak to mount(8), mount.fuse3 or systemd alone. suid
// and dev are among them, since mount.fuse3 adds them for root: nosuid and nodev hold all the same.
var generic = []string{
	"rw", "suid", "nosuid", "dev", "nodev", "exec", "atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime",
	"strictatime", "nostrictatime", "lazytime", "nolazytime", "iversion", "noiversion", "async", "sync", "dirsync",
	"mand", "nomand", "silent", "loud", "nosymfollow", "symfollow", "defaults", "auto", "noauto", "nofail", "_netdev",
	"user", "nouser", "users", "owner", "group", "default_permissions", "nonempty",
}

// contrary are the options of mount(8) and FUSE that cannot be had; the value says why.
var contrary = map[string]string{
	"ro":           "a request is a write, so a read-only aiofs could do nothing",
	"remount":      "what was mounted cannot be changed; aio-max-nr can be written to",
	"allow_root":   "root gets in with allow_other",
	"auto_unmount": "the next start clears the mount of a daemon that has died",
}

// applyGeneric takes an option that is not one of ours.
func applyGeneric(c *config, word string) error {
	name, value, _ := strings.Cut(word, "=")
	switch {
	case word == "noexec":
		c.extra = append(c.extra, word)
	case word == "", slices.Contains(generic, word), name == "user", name == "comment", name == "subtype" && value == "aiofs":
	case strings.HasPrefix(word, "x-"), strings.HasPrefix(word, "X-"):
	case contrary[name] != "":
		return fmt.Errorf("option %s is refused: %s", name, contrary[name])
	default:
		return fmt.Errorf("unknown option %q", name)
	}
	return nil
}
