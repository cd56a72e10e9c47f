import type { Clock } from "../../../lib/clock.ts";
import { createMemoryHub, createMemoryStore } from "../../../lib/store/memory.ts";
import type { Heard, Post, Store, Topic } from "../../../lib/store/store.ts";

/** Stores of gateways in one process that keep what is posted, as Redis does, and can be cut off from each other. */
export interface Room {
  enter(): RoomStore;
}

export interface RoomStore extends Store {
  /** What is posted meanwhile is exchanged when it is back; notices are lost. */
  setAway(isAway: boolean): void;
}

interface Posted {
  readonly topic: Topic;
  readonly name: string;
  readonly text: string;
  readonly atMs: number;
  readonly untilMs: number;
  readonly by: RoomStore;
}

type Posts = Map<string, Posted>;

interface Member {
  readonly store: RoomStore;
  readonly onPost: Map<Topic, (post: Post) => void>;
  /** What it has said while it was away. */
  readonly unsaid: Posts;
  isAway: boolean;
  /** Until when it has heard everything. */
  heardMs: number;
}

export function createRoom(clock: Clock): Room {
  const hub = createMemoryHub(clock);
  const members: Member[] = [];
  const posts: Posts = new Map();

  const hear = ({ store, onPost }: Member, { topic, name, text, atMs, by }: Posted): void => {
    if (by !== store) onPost.get(topic)?.({ name, text, ageMs: clock.monotonic() - atMs });
  };

  const pin = (posted: Posted): void => {
    const key = `${posted.topic} ${posted.name}`;
    if ((posts.get(key)?.atMs ?? -Infinity) > posted.atMs) return;
    posts.set(key, posted);
    for (const member of members) if (!member.isAway) hear(member, posted);
  };

  /** What is there, and was not when it was heard the last time. */
  const catchUp = (member: Member): void => {
    for (const posted of posts.values()) {
      if (posted.atMs >= member.heardMs && posted.untilMs > clock.monotonic()) hear(member, posted);
    }
    for (const posted of member.unsaid.values()) pin(posted);
    member.unsaid.clear();
  };

  return {
    enter() {
      const inner = createMemoryStore(clock, hub);
      const store: RoomStore = {
        ...inner,
        isDurable: true,
        isAway: () => self.isAway,
        instances() {
          if (self.isAway) return [inner.instance];
          const away = members.filter(({ isAway }) => isAway).map((member) => member.store.instance);
          return inner.instances().filter((instance) => !away.includes(instance));
        },
        board: {
          post(topic, name, text, ttlMs) {
            const atMs = clock.monotonic();
            const posted = { topic, name, text, atMs, untilMs: atMs + (ttlMs ?? Infinity), by: store };
            if (self.isAway) self.unsaid.set(`${topic} ${name}`, posted);
            else pin(posted);
            return Promise.resolve(!self.isAway);
          },
          on: (topic, listener) => void self.onPost.set(topic, listener),
        },
        notices: {
          tell(notice) {
            if (!self.isAway) inner.notices.tell(notice);
          },
          on: (listener) =>
            inner.notices.on((notice: Heard) => {
              if (!self.isAway) listener(notice);
            }),
        },
        open() {
          catchUp(self);
          return Promise.resolve();
        },
        close() {
          members.splice(members.indexOf(self), 1);
          return inner.close();
        },
        setAway(isAway) {
          self.isAway = isAway;
          if (isAway) self.heardMs = clock.monotonic();
          else catchUp(self);
        },
      };
      const self: Member = { store, onPost: new Map(), unsaid: new Map(), isAway: false, heardMs: -Infinity };
      members.push(self);
      return store;
    },
  };
}
