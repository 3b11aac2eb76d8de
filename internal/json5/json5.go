// Package json5 reads the syntax of OpenClaw's configuration into a tree that
// knows the place of every key and value. It refuses documents with two
// readings (duplicate keys), and an edit that would change anything else.
package json5

import (
	"fmt"
	"strings"
)

// MaxDepth is how deep arrays and objects may nest.
const MaxDepth = 200

// maxErrors bounds how many errors one document collects.
const maxErrors = 50

// Kind is the type of a value. The zero value is Invalid: something that was
// there and could not be read.
type Kind uint8

// Kinds.
const (
	Invalid Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

var kindNames = [...]string{"nothing readable", "null", "a boolean", "a number", "a string", "an array", "an object"}

// String names the kind with its article, for messages.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Invalid]
}

// Pos is a place in a file. Line and Column count from 1, columns in
// characters; Offset counts bytes from 0.
type Pos struct {
	File   string
	Offset int
	Line   int
	Column int
}

// String prints "file:line:column".
func (p Pos) String() string {
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Node is one value. Members and Items keep the order of the source.
type Node struct {
	Kind Kind
	Pos  Pos
	// End is the byte offset behind the value.
	End int
	// Text is the decoded text of a String and the source of a Number.
	Text    string
	Num     float64
	Bool    bool
	Items   []*Node
	Members []Member
}

// Member is one key of an object with its value.
type Member struct {
	Key    string
	KeyPos Pos
	// KeyEnd is the byte offset behind the key.
	KeyEnd int
	Value  *Node
}

// Get returns the value of a key, nil when it is absent or n is no object.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for i := range n.Members {
		if n.Members[i].Key == key {
			return n.Members[i].Value
		}
	}
	return nil
}

// Lookup follows a path, nil when it leads nowhere.
func (n *Node) Lookup(p Path) *Node {
	for _, s := range p {
		n = n.step(s)
		if n == nil {
			return nil
		}
	}
	return n
}

func (n *Node) step(s Step) *Node {
	if n == nil {
		return nil
	}
	if n.Kind == Array {
		i, ok := s.index()
		if !ok || i < 0 || i >= len(n.Items) {
			return nil
		}
		return n.Items[i]
	}
	if s.isIndex {
		return nil
	}
	return n.Get(s.key)
}

// Equal reports whether two values mean the same; positions and the order of
// keys do not count.
func Equal(a, b *Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || len(a.Items) != len(b.Items) || len(a.Members) != len(b.Members) {
		return false
	}
	switch a.Kind {
	case Bool:
		return a.Bool == b.Bool
	case Number:
		return a.Num == b.Num || a.Num != a.Num && b.Num != b.Num
	case String:
		return a.Text == b.Text
	case Array:
		for i := range a.Items {
			if !Equal(a.Items[i], b.Items[i]) {
				return false
			}
		}
	case Object:
		other := make(map[string]*Node, len(b.Members))
		for i := range b.Members {
			other[b.Members[i].Key] = b.Members[i].Value
		}
		for i := range a.Members {
			if v, ok := other[a.Members[i].Key]; !ok || !Equal(a.Members[i].Value, v) {
				return false
			}
		}
	case Null, Invalid:
	}
	return true
}

// Error is one thing wrong with a document.
type Error struct {
	Pos      Pos
	Found    string
	Expected string
	// First is the earlier place of a duplicate key; its Line is 0 otherwise.
	First Pos
	// Key is the key of a duplicate.
	Key string
}

func (e *Error) Error() string {
	if e.First.Line > 0 {
		return fmt.Sprintf("%s: key %q is set a second time, first at line %d column %d", e.Pos, e.Key, e.First.Line, e.First.Column)
	}
	return fmt.Sprintf("%s: found %s, expected %s", e.Pos, e.Found, e.Expected)
}

// Errors are all the things wrong with a document, in its order.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Document is a parsed file. Root is nil when nothing could be read. With
// Errors, Root holds what was understood and must not be trusted to be whole.
type Document struct {
	Name   string
	Root   *Node
	Errors Errors
}

// Err is nil for a document without errors, else its Errors.
func (d *Document) Err() error {
	if len(d.Errors) == 0 {
		return nil
	}
	return d.Errors
}
