// Package list is list_head: a doubly linked list whose links lie in what is listed, so that adding allocates nothing and taking out
// searches nothing.
package list

import "iter"

// Node is the links of a T, in one list at a time.
type Node[T any] struct {
	Of         *T // whose links these are; set once, before the first use
	prev, next *Node[T]
}

// List is a list of T. The zero value is empty. It has no lock of its own.
type List[T any] struct{ first, last *Node[T] }

// Empty says whether there is nothing in it.
func (l *List[T]) Empty() bool { return l.first == nil }

// First is the first T; nil where there is none.
func (l *List[T]) First() *T {
	if l.first == nil {
		return nil
	}
	return l.first.Of
}

// All is every T, from the first on. The one that the loop is at may be taken out.
func (l *List[T]) All() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for n := l.first; n != nil; {
			next := n.next
			if !yield(n.Of) {
				return
			}
			n = next
		}
	}
}

// PushBack adds n, which is in no list, as the last.
func (l *List[T]) PushBack(n *Node[T]) {
	n.prev = l.last
	if l.last == nil {
		l.first = n
	} else {
		l.last.next = n
	}
	l.last = n
}

// PushFront adds n, which is in no list, as the first.
func (l *List[T]) PushFront(n *Node[T]) {
	n.next = l.first
	if l.first == nil {
		l.last = n
	} else {
		l.first.prev = n
	}
	l.first = n
}

// Remove takes n out, which is in l.
func (l *List[T]) Remove(n *Node[T]) {
	if n.prev == nil {
		l.first = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		l.last = n.prev
	} else {
		n.next.prev = n.prev
	}
	n.prev, n.next = nil, nil
}
