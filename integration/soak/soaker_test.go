package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// soaking is what a client says when it has begun.
const soaking = "soaking\n"

// A soaker is a client: a process with several goroutines, each of which lives one life after the other.
type soaker struct {
	root, dir, data string
	seed            uint64
	lanes           []string
	pipe            *os.File   // nothing will come out of it
	idle            []*os.File // contexts that nobody uses, and end with the process
	direct          bool       // data can be read with O_DIRECT
	stop            chan struct{}

	mu     sync.Mutex
	number uint32 // guarded by mu; of the next context that is made by mkdir
	counts counts // guarded by mu
}

const (
	workersEach = 4
	idleEach    = 16
	numbersEach = 100_000 // that a client may give to contexts, which are far from those that new gives
)

// firstNumber is the first number of a client.
func firstNumber(id int) uint32 { return uint32(30_000+id%10_000) * numbersEach }

// soakerMain is the process. It ends when its stdin does, and says what it did.
func soakerMain(args []string) error {
	id, err1 := strconv.Atoi(args[3])
	seed, err2 := strconv.ParseUint(args[4], 10, 64)
	s := &soaker{
		root: args[0], dir: args[1], data: args[2], seed: seed, lanes: strings.Split(args[5], ","), stop: make(chan struct{}),
		number: firstNumber(id), counts: counts{},
	}
	if err := errors.Join(err1, err2, s.setup()); err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(s.stop)
	}()
	fmt.Print(soaking)
	var all sync.WaitGroup
	for i := range workersEach {
		w := &worker{soaker: s, rng: rand.New(rand.NewPCG(seed, uint64(i))), own: filepath.Join(s.dir, fmt.Sprint("own", i))}
		all.Go(func() {
			if err := w.work(); err != nil {
				fmt.Fprintf(os.Stderr, "worker %d: %v\n", i, err)
				os.Exit(1)
			}
		})
	}
	all.Wait()
	return json.NewEncoder(os.Stdout).Encode(s.counts)
}

// setup makes what all workers use.
func (s *soaker) setup() error {
	path := filepath.Join(s.dir, "pipe")
	err := syscall.Mkfifo(path, 0o600)
	if err == nil {
		s.pipe, err = os.OpenFile(path, os.O_RDWR, 0)
	}
	if f, err := os.OpenFile(s.data, os.O_RDONLY|syscall.O_DIRECT, 0); err == nil {
		s.direct = true
		f.Close()
	}
	for range idleEach {
		alive, _, failed := s.openNew()
		s.idle, err = append(s.idle, alive), errors.Join(err, failed)
	}
	return err
}

// openNew makes a context that dies with alive.
func (s *soaker) openNew() (alive *os.File, dir string, err error) {
	if alive, err = os.Open(filepath.Join(s.root, "ctx/new")); err != nil {
		return nil, "", err
	}
	number := make([]byte, 32)
	n, err := alive.Read(number)
	return alive, filepath.Join(s.root, "ctx", strings.TrimSpace(string(number[:n]))), err
}

// mkdir makes a context that stays.
func (s *soaker) mkdir() (dir string, err error) {
	s.mu.Lock()
	dir = filepath.Join(s.root, "ctx", strconv.FormatUint(uint64(s.number), 10))
	s.number++
	s.mu.Unlock()
	return dir, syscall.Mkdir(dir, 0o700)
}

func (s *soaker) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

func (s *soaker) count(had counts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.add(had)
}

// A worker lives one life after the other, each through another lane.
type worker struct {
	*soaker
	rng *rand.Rand
	own string // its file
}

// work goes on until it is told to stop, but for once through each lane.
func (w *worker) work() error {
	lanes := slices.Clone(w.lanes)
	w.rng.Shuffle(len(lanes), func(i, j int) { lanes[i], lanes[j] = lanes[j], lanes[i] })
	for n := 0; n < len(lanes) || !w.stopped(); n++ {
		l := &life{worker: w, lane: lanes[n%len(lanes)], counts: counts{}}
		if err := l.live(); err != nil {
			return fmt.Errorf("life %d, %s in %s: %w", n, l.lane, l.dir, err)
		}
		w.count(l.counts)
	}
	return nil
}
