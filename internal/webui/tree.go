package webui

import "encoding/json"

// Tree is rich text as a list of blocks, the only form in which formatted text
// from outside reaches a page. It can express nothing but the tags below: no
// attribute, class, id, image or raw HTML.
type Tree []Node

// Node is a text (Tag "") or an element. Its JSON is the text itself or
// ["tag", child…]; a link is ["a", "href", child…].
type Node struct {
	Tag  string
	Text string // when Tag is ""
	Href string // when Tag is "a"
	Kids []Node
}

// Limits of one Tree; what lies beyond them is kept as plain text.
const (
	MaxDepth = 16
	MaxNodes = 5000
)

// MarshalJSON writes the compact form.
func (n Node) MarshalJSON() ([]byte, error) {
	if n.Tag == "" {
		return json.Marshal(n.Text)
	}
	list := make([]any, 0, len(n.Kids)+2)
	list = append(list, n.Tag)
	if n.Tag == "a" {
		list = append(list, n.Href)
	}
	for _, k := range n.Kids {
		list = append(list, k)
	}
	return json.Marshal(list)
}

// Plain is the text of the tree without any formatting, blocks separated by a
// newline.
func (t Tree) Plain() string {
	var out []byte
	for i, n := range t {
		if i > 0 {
			out = append(out, '\n')
		}
		out = n.plain(out)
	}
	return string(out)
}

func (n Node) plain(out []byte) []byte {
	switch n.Tag {
	case "":
		return append(out, n.Text...)
	case "br":
		return append(out, '\n')
	}
	for _, k := range n.Kids {
		out = k.plain(out)
	}
	return out
}
