package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxNrEvents is what io_setup calls absurd: 0x10000000 / sizeof(struct io_event), from ioctx_alloc in fs/aio.c.
const maxNrEvents = 0x10000000 / 32

// parseNumber reads a decimal number between lo and hi that may end in K, M or G (powers of 1024).
func parseNumber[T uint32 | uint64 | int64](s string, lo, hi T) (T, error) {
	digits, shift := s, 0
	if i := strings.IndexAny(s, "KMG"); i >= 0 && i == len(s)-1 {
		digits, shift = s[:i], 10*(1+strings.IndexByte("KMG", s[i]))
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("needs a number, as 1000 or 64K, 64M, 1G, not %q", s)
	}
	if n > uint64(hi)>>shift || n<<shift < uint64(lo) {
		return 0, fmt.Errorf("must be between %d and %d, not %s", lo, hi, s)
	}
	return T(n << shift), nil
}

func setEngine(c *config, v string) error {
	switch v {
	case "auto", "uring", "threads":
		c.engine = v
		return nil
	}
	return fmt.Errorf("must be auto, uring or threads, not %q", v)
}

func setGrace(c *config, v string) (err error) {
	c.grace, err = parseDuration(v)
	return err
}

func setSQIdle(c *config, v string) (err error) {
	c.sqIdle, err = parseDuration(v)
	return err
}

// parseDuration reads a duration of 0 or more.
func parseDuration(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("needs a duration, as 500ms or 10s, not %q", v)
	}
	return d, nil
}
