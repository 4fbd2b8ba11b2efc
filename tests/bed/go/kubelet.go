package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

// A pod as the stand-in knows it: where each of its ports really is, and what is wrong with the way to it.
type pod struct {
	Ports  map[string]int `json:"ports"`  // port in the pod → port on loopback
	Rate   int            `json:"rate"`   // bytes a second towards the API server; 0: as fast as it goes
	Frozen bool           `json:"frozen"` // half open: nothing is read or written, nothing is closed
	Cut    bool           `json:"cut"`    // connections that are open now end with a TCP reset
	Opened int            `json:"opened"` // answered only: connections so far
	Open   int            `json:"open"`   // answered only: connections now
}

// kubelet answers port-forwards for pods that run nowhere, and does to the connections what a test asks for.
type kubelet struct {
	lock    sync.Mutex
	changed *sync.Cond
	pods    map[string]pod // by namespace/name
	opened  map[string]int
	open    map[*wire]bool
}

func newKubelet() *kubelet {
	k := &kubelet{pods: map[string]pod{}, opened: map[string]int{}, open: map[*wire]bool{}}
	k.changed = sync.NewCond(&k.lock)
	return k
}

// newKubeletCommand serves what the API server asks of a node's kubelet for a port-forward, and PUT and GET /bed, the pods.
func newKubeletCommand() *cobra.Command {
	var address, certificate, key string
	command := &cobra.Command{
		Use:  "kubelet",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			watchStdin()
			k := newKubelet()
			listener, err := net.Listen("tcp4", address)
			if err != nil {
				return err
			}
			fmt.Println(listener.Addr().(*net.TCPAddr).Port)
			mux := http.NewServeMux()
			mux.HandleFunc("/portForward/{namespace}/{pod}", k.servePortForward)
			mux.HandleFunc("PUT /bed", k.serveChange)
			mux.HandleFunc("GET /bed", k.serveState)
			server := &http.Server{Handler: mux, ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				return context.WithValue(ctx, wireKey{}, c.(interface{ NetConn() net.Conn }).NetConn())
			}}
			server.Protocols = new(http.Protocols)
			server.Protocols.SetHTTP1(true)
			return server.ServeTLS(wires{listener, k}, certificate, key)
		},
	}
	command.Flags().StringVar(&address, "listen", "127.0.0.1:0", "where it listens; the port is the first line it prints")
	command.Flags().StringVar(&certificate, "cert", "", "its certificate")
	command.Flags().StringVar(&key, "key", "", "the certificate's key")
	return command
}

func (k *kubelet) servePortForward(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("namespace") + "/" + r.PathValue("pod")
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c := r.Context().Value(wireKey{}).(*wire)
	k.lock.Lock()
	_, known := k.pods[name]
	if known {
		c.pod, k.open[c] = name, true
		k.opened[name]++
	}
	k.lock.Unlock()
	if !known {
		http.Error(w, "pod does not exist", http.StatusNotFound)
		return
	}
	defer c.forget()
	portforward.ServePortForward(w, r, k, name, "", options, time.Hour, 30*time.Second, portforward.SupportedProtocols)
}

// PortForward copies between a stream and the port; it ends when the pod's side does, as containerd's does.
func (k *kubelet) PortForward(_ context.Context, name, _ string, port int32, stream io.ReadWriteCloser) error {
	k.lock.Lock()
	real := k.pods[name].Ports[fmt.Sprint(port)]
	k.lock.Unlock()
	target, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", real))
	if real == 0 || err != nil {
		return fmt.Errorf("failed to connect to localhost:%d inside namespace %q: connect: connection refused", port, name)
	}
	defer target.Close()
	go func() {
		io.Copy(target, stream) //nolint:errcheck
		target.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(stream, target)
	return err
}

// serveChange takes the pods as they are from now on; connections of those that are gone are cut.
func (k *kubelet) serveChange(w http.ResponseWriter, r *http.Request) {
	pods := map[string]pod{}
	if err := json.NewDecoder(r.Body).Decode(&pods); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	k.lock.Lock()
	defer k.lock.Unlock()
	k.pods = pods
	for c := range k.open {
		if p, known := pods[c.pod]; !known || p.Cut {
			c.cut()
		}
	}
	k.changed.Broadcast()
}

func (k *kubelet) serveState(w http.ResponseWriter, _ *http.Request) {
	k.lock.Lock()
	defer k.lock.Unlock()
	answer := map[string]pod{}
	for name, opened := range k.opened {
		answer[name] = pod{Opened: opened}
	}
	for name, p := range k.pods {
		p.Opened = k.opened[name]
		answer[name] = p
	}
	for c := range k.open {
		p := answer[c.pod]
		p.Open++
		answer[c.pod] = p
	}
	json.NewEncoder(w).Encode(answer) //nolint:errcheck
}

type wireKey struct{}

type wires struct {
	net.Listener
	kubelet *kubelet
}

func (l wires) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wire{Conn: c, kubelet: l.kubelet}, nil
}

// wire is a TCP connection of the API server, below TLS: the place for trouble. `pod` is empty until one is asked for.
type wire struct {
	net.Conn
	kubelet *kubelet
	pod     string
	gone    bool
}

// pass waits while the pod is frozen; the rate that it allows.
func (c *wire) pass() (int, error) {
	k := c.kubelet
	k.lock.Lock()
	defer k.lock.Unlock()
	for k.pods[c.pod].Frozen && !c.gone {
		k.changed.Wait()
	}
	if c.gone {
		return 0, errors.New("cut")
	}
	return k.pods[c.pod].Rate, nil
}

func (c *wire) Read(data []byte) (int, error) {
	count, err := c.Conn.Read(data)
	if _, cut := c.pass(); cut != nil {
		return 0, cut
	}
	return count, err
}

func (c *wire) Write(data []byte) (int, error) {
	rate, err := c.pass()
	if err != nil {
		return 0, err
	}
	if rate > 0 {
		time.Sleep(time.Duration(len(data)) * time.Second / time.Duration(rate))
		if _, err := c.pass(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(data)
}

// cut ends the connection with a reset. The kubelet's lock is held.
func (c *wire) cut() {
	c.gone = true
	c.Conn.(*net.TCPConn).SetLinger(0) //nolint:errcheck
	c.Conn.Close()
}

func (c *wire) forget() {
	c.kubelet.lock.Lock()
	defer c.kubelet.lock.Unlock()
	c.gone = true
	delete(c.kubelet.open, c)
	c.kubelet.changed.Broadcast()
}
