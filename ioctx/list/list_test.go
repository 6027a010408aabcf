package list

import (
	"math/rand/v2"
	"slices"
	"testing"
)

type number struct {
	n     int
	links Node[number]
}

// A List is what a slice is from which elements are taken out by their number.
func TestListIsASlice(t *testing.T) {
	all := make([]number, 8)
	for i := range all {
		all[i].n, all[i].links.Of = i, &all[i]
	}
	var l List[number]
	var want []int
	for range 100_000 {
		x := &all[rand.IntN(len(all))]
		switch at := slices.Index(want, x.n); {
		case at >= 0:
			l.Remove(&x.links)
			want = slices.Delete(want, at, at+1)
		case rand.IntN(2) == 0:
			l.PushFront(&x.links)
			want = slices.Insert(want, 0, x.n)
		default:
			l.PushBack(&x.links)
			want = append(want, x.n)
		}
		check(t, &l, want)
	}
}

func check(t *testing.T, l *List[number], want []int) {
	t.Helper()
	var got, back []int
	for x := range l.All() {
		got = append(got, x.n)
	}
	for n := l.last; n != nil; n = n.prev {
		back = append(back, n.Of.n)
	}
	slices.Reverse(back)
	if !slices.Equal(got, want) || !slices.Equal(back, want) {
		t.Fatalf("%d, backwards %d, want %d", got, back, want)
	}
	if l.Empty() != (len(want) == 0) || l.First() != nil && l.First().n != want[0] || l.First() == nil && len(want) > 0 {
		t.Fatalf("empty %v, first %v, want %d", l.Empty(), l.First(), want)
	}
}

// A loop may take out what it is at, and be left.
func TestALoopTakesOut(t *testing.T) {
	all := make([]number, 5)
	var l List[number]
	for i := range all {
		all[i].n, all[i].links.Of = i, &all[i]
		l.PushBack(&all[i].links)
	}
	for x := range l.All() {
		if x.n == 3 {
			break
		}
		if x.n%2 == 0 {
			l.Remove(&x.links)
		}
	}
	check(t, &l, []int{1, 3, 4})
}

func TestListAllocatesNothing(t *testing.T) {
	var l List[number]
	x := &number{}
	x.links.Of = x
	sum := 0
	if n := testing.AllocsPerRun(100, func() {
		l.PushBack(&x.links)
		for y := range l.All() {
			sum += y.n
		}
		l.Remove(&x.links)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
