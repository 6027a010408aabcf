// usage: java Client.java MOUNT FILE PIPE
// Nothing ever comes out of PIPE.
import static java.nio.file.StandardOpenOption.*;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

class Client {
    static final int IOCB = 64, EVENT = 32; // bytes of struct iocb and struct io_event, linux/aio_abi.h
    static final short PREAD = 0, PWRITE = 1, FSYNC = 2;
    static final int FILE_BUF = 1 << 30 | 1 << 31; // fildes is a slot of `files`, buf an offset into `buf`
    static final int READS = 1000, DEPTH = 32, SIZE = 4096, ECANCELED = 125;

    final FileChannel submit, events, buf;
    final ByteBuffer batch = buffer(DEPTH * IOCB), done = buffer(DEPTH * EVENT);
    final byte[] content;
    final int[] block = new int[DEPTH];
    final Random random = new Random();

    Client(Path c, byte[] content) throws IOException {
        submit = FileChannel.open(c.resolve("submit"), WRITE);
        events = FileChannel.open(c.resolve("events_raw"), READ);
        buf = FileChannel.open(c.resolve("buf"), READ, WRITE);
        this.content = content;
    }

    static ByteBuffer buffer(int size) {
        return ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
    }

    static void check(boolean ok, Object what) {
        if (!ok) throw new AssertionError(what);
    }

    void request(long tag, short op, long at, long nbytes, long offset, int slot) {
        batch.putLong(tag).putInt(0).putInt(0).putShort(op).putShort((short) 0).putInt(slot);
        batch.putLong(at).putLong(nbytes).putLong(offset).putLong(0).putInt(FILE_BUF).putInt(0);
    }

    void start() throws IOException {
        batch.flip();
        while (batch.hasRemaining()) submit.write(batch);
        batch.clear();
    }

    /** Leaves the events that are there in done; it waits for the first. */
    void reap() throws IOException {
        done.clear();
        check(events.read(done) > 0, "events_raw ended");
        done.flip();
    }

    void randomRead(int place) {
        block[place] = random.nextInt(content.length / SIZE) * SIZE;
        request(place, PREAD, place * SIZE, SIZE, block[place], 0);
    }

    /** Each into its own place in buf, which is used again when what came has been looked at. */
    void randomReads() throws IOException {
        ByteBuffer got = buffer(SIZE);
        int begun = 0, verified = 0;
        while (begun < DEPTH) randomRead(begun++);
        while (verified < READS) {
            if (batch.position() > 0) start();
            for (reap(); done.hasRemaining(); verified++) {
                int place = (int) done.getLong();
                done.getLong();
                long res = done.getLong();
                done.getLong();
                check(res == SIZE && buf.read(got.clear(), place * SIZE) == SIZE, res);
                check(got.flip().equals(ByteBuffer.wrap(content, block[place], SIZE)), block[place]);
                if (begun < READS) {
                    randomRead(place);
                    begun++;
                }
            }
        }
    }

    void wants(long res) throws IOException {
        reap();
        check(done.getLong(16) == res, done.getLong(16));
    }

    public static void main(String[] args) throws IOException {
        Path mount = Path.of(args[0]), file = Path.of(args[1]);
        try (var alive = Files.newBufferedReader(mount.resolve("ctx/new"))) { // the context lives as long as this is open
            Path c = mount.resolve("ctx").resolve(alive.readLine());
            Files.writeString(c.resolve("nr_events"), DEPTH + "\n");
            Files.writeString(c.resolve("files"), "open 0 open=rdwr " + file + "\nopen 1 open=rdwr " + args[2] + "\n");
            Client client = new Client(c, Files.readAllBytes(file));
            client.randomReads();

            client.buf.write(ByteBuffer.wrap("written\n".getBytes()), 0);
            client.request(7, PWRITE, 0, 8, client.content.length, 0);
            client.start();
            client.wants(8);
            client.request(7, FSYNC, 0, 0, 0, 0);
            client.start();
            client.wants(0);
            client.request(7, PREAD, 0, 1, 0, 1);
            client.start();
            Files.writeString(c.resolve("cancel"), "tag=7\n");
            client.wants(-ECANCELED);
        }
    }
}
