// Package gateway serves people and programs over HTTP and WebSocket on one
// port. It refuses strangers, foreign origins, credentials in URLs and any
// method that nothing stands behind; it never decides what an agent may do.
package gateway
