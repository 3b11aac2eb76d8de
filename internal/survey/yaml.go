package survey

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Kinds of yamlNode.
const (
	yamlScalar = iota
	yamlMap
	yamlList
)

// Bounds of a YAML file: nodes after aliases are followed, and nesting.
const (
	maxYAMLNodes = 20_000
	maxYAMLDepth = 64
)

// yamlNode is what the checks need of a YAML value. keys and values of a map
// stand side by side; a list has values only.
type yamlNode struct {
	kind         int
	value        string
	line         int
	keys, values []*yamlNode
}

// yamlReader follows aliases within bounds.
type yamlReader struct {
	anchors map[string]ast.Node
	count   int
}

var errYAMLBounds = errors.New("the file is too large or too deep")

// readYAML reads the first document of a file.
func readYAML(b []byte) (*yamlNode, error) {
	f, err := parser.ParseBytes(b, 0)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, errors.New(first)
	}
	if len(f.Docs) == 0 || f.Docs[0].Body == nil {
		return nil, errors.New("the file is empty")
	}
	r := &yamlReader{anchors: map[string]ast.Node{}}
	for _, a := range ast.Filter(ast.AnchorType, f.Docs[0].Body) {
		if x, ok := a.(*ast.AnchorNode); ok {
			r.anchors[x.Name.GetToken().Value] = x.Value
		}
	}
	return r.node(f.Docs[0].Body, 0)
}

func (r *yamlReader) node(n ast.Node, depth int) (*yamlNode, error) {
	if r.count++; r.count > maxYAMLNodes || depth > maxYAMLDepth {
		return nil, errYAMLBounds
	}
	switch x := n.(type) {
	case nil:
		return &yamlNode{}, nil
	case *ast.AnchorNode:
		return r.node(x.Value, depth+1)
	case *ast.TagNode:
		return r.node(x.Value, depth+1)
	case *ast.AliasNode:
		return r.node(r.anchors[x.Value.GetToken().Value], depth+1)
	case *ast.MappingNode:
		out := &yamlNode{kind: yamlMap, line: line(x)}
		return out, r.pairs(out, x.Values, depth)
	case *ast.MappingValueNode:
		out := &yamlNode{kind: yamlMap, line: line(x)}
		return out, r.pairs(out, []*ast.MappingValueNode{x}, depth)
	case *ast.SequenceNode:
		out := &yamlNode{kind: yamlList, line: line(x)}
		for _, v := range x.Values {
			c, err := r.node(v, depth+1)
			if err != nil {
				return nil, err
			}
			out.values = append(out.values, c)
		}
		return out, nil
	case *ast.LiteralNode:
		return &yamlNode{value: x.Value.Value, line: line(x)}, nil
	case *ast.StringNode:
		return &yamlNode{value: x.Value, line: line(x)}, nil
	}
	out := &yamlNode{line: line(n)}
	if t := n.GetToken(); t != nil && n.Type() != ast.NullType {
		out.value = t.Value
	}
	return out, nil
}

// pairs adds the pairs of a mapping; merged ones come last, so that the
// mapping's own are found first.
func (r *yamlReader) pairs(out *yamlNode, values []*ast.MappingValueNode, depth int) error {
	var merged []*yamlNode
	for _, v := range values {
		value, err := r.node(v.Value, depth+1)
		if err != nil {
			return err
		}
		if v.Key.IsMergeKey() {
			merged = append(merged, value)
			continue
		}
		key := &yamlNode{value: v.Key.GetToken().Value, line: line(v.Key)}
		out.keys, out.values = append(out.keys, key), append(out.values, value)
	}
	for _, m := range merged {
		from := []*yamlNode{m}
		if m.kind == yamlList {
			from = m.values
		}
		for _, x := range from {
			if x.kind == yamlMap {
				out.keys, out.values = append(out.keys, x.keys...), append(out.values, x.values...)
			}
		}
	}
	return nil
}

func line(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// get is the value of a key, nil when there is none.
func (n *yamlNode) get(key string) *yamlNode {
	if n == nil || n.kind != yamlMap {
		return nil
	}
	for i, k := range n.keys {
		if k.value == key {
			return n.values[i]
		}
	}
	return nil
}

// each calls f with every pair of a map.
func (n *yamlNode) each(f func(k, v *yamlNode)) {
	if n == nil || n.kind != yamlMap {
		return
	}
	for i, k := range n.keys {
		f(k, n.values[i])
	}
}

// text is a scalar's value.
func (n *yamlNode) text() string {
	if n == nil || n.kind != yamlScalar {
		return ""
	}
	return n.value
}

// texts are the scalars of a list; a scalar counts as a list of one.
func (n *yamlNode) texts() (out []string) {
	if n == nil || n.kind == yamlMap {
		return nil
	}
	if n.kind == yamlScalar {
		return []string{n.value}
	}
	for _, v := range n.values {
		if v.kind == yamlScalar {
			out = append(out, v.value)
		}
	}
	return out
}
