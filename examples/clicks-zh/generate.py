"""Generate the Chinese example: a click log of an online shop with customer service.

Run it to write clicks.tsv and heldout.tsv beside this file; with --check it only compares.
The tables hold `name | query wordings | title wordings`; brands and models are invented.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from clicklog import Catalogue, Plan, Wording, main, products, questions, slot

PLAN = Plan(seed=20240611, queries=1380, heldout_queries=135, concepts_per_head=10)

COLOUR = """
黑 | 黑色, 黑, 纯黑 | 曜石黑, 碳晶色, 墨色
白 | 白色, 白, 纯白 | 象牙色, 奶油色, 珍珠白
红 | 红色, 大红, 正红 | 绯红, 樱桃色, 枫叶色
蓝 | 蓝色, 深蓝, 天蓝 | 藏青, 雾霾蓝, 海盐色
绿 | 绿色, 墨绿 | 牛油果色, 抹茶色, 松柏绿
粉 | 粉色, 粉红 | 蜜桃色, 樱花色, 裸粉
灰 | 灰色, 深灰 | 石墨色, 烟灰, 水泥色
棕 | 棕色, 咖色 | 焦糖色, 深棕, 栗色
"""

PEOPLE = """
男 | 男士, 男生, 男 | 男款, 型男, 绅士
女 | 女士, 女生, 女 | 女款, 女神, 淑女
儿童 | 小孩, 宝宝, 小朋友 | 儿童, 童款, 小童
老人 | 老人, 爸妈, 老年人 | 中老年, 长辈, 银发族
学生 | 学生, 学生用, 初中生 | 学生党, 校园, 青少年
孕妇 | 孕妇, 孕妈 | 孕期, 准妈妈
"""

SEASON = """
夏 | 夏天, 夏天用的, 天热用的 | 夏季, 清凉, 盛夏
冬 | 冬天, 冬天用的, 天冷用的 | 冬季, 保暖加厚, 寒冬
春秋 | 春秋, 换季, 不冷不热时用的 | 春秋季, 四季通用, 薄厚适中
"""

WEAR = """
夏 | 夏天, 夏天穿的, 天热穿的 | 夏季, 清凉, 盛夏
冬 | 冬天, 冬天穿的, 天冷穿的 | 冬季, 保暖加厚, 寒冬
春秋 | 春秋, 换季, 不冷不热时穿的 | 春秋季, 四季通用, 薄厚适中
"""

SCENE = """
宿舍 | 宿舍, 寝室, 宿舍用 | 学生公寓, 校舍, 寝室
办公 | 办公室, 上班用, 公司用 | 职场, 写字楼, 办公
车 | 车上用, 车里, 汽车 | 车载, 车用
旅行 | 出差, 旅游, 旅行用 | 便携出行, 差旅, 商旅
户外 | 露营, 野外, 户外 | 野营, 山系, 户外
卧室 | 卧室, 床头 | 睡房, 床边, 卧室
客厅 | 客厅, 大厅 | 起居室, 客厅
运动 | 跑步, 健身, 运动 | 运动, 健身房
游戏 | 打游戏, 游戏, 吃鸡 | 电竞, 游戏
"""

MATERIAL = """
棉 | 纯棉, 全棉 | 100%棉, 全棉, 精梳棉
皮 | 真皮, 牛皮 | 头层牛皮, 真皮
木 | 实木, 木头, 木质 | 原木, 橡木, 实木
钢 | 不锈钢, 304钢 | 304不锈钢, 食品级钢
玻璃 | 玻璃, 透明玻璃 | 高硼硅, 钢化玻璃
陶瓷 | 陶瓷, 瓷 | 骨瓷, 陶瓷, 釉下彩
塑料 | 塑料, 轻便塑料 | PP材质, 树脂, 塑料
硅胶 | 硅胶, 软胶 | 液态硅胶, TPU软胶
布 | 布, 布料 | 布艺, 棉麻, 科技布
乳胶 | 乳胶, 天然乳胶 | 天然乳胶, 泰国乳胶
记忆棉 | 记忆棉, 慢回弹 | 慢回弹, 太空记忆棉
铁 | 铁, 生铁 | 铸铁, 精铁
"""

SIZES = """
1米 | 1米, 一米 | 1m, 100cm
2米 | 2米, 两米 | 2m, 200cm
3米 | 3米, 三米 | 3m, 300cm
床1.2 | 1米2, 一米二 | 1.2m, 120cm
床1.5 | 1米5, 一米五 | 1.5m, 150cm
床1.8 | 1米8, 一米八 | 1.8m, 180cm
20寸 | 20寸, 能带上飞机的 | 20英寸, 登机尺寸
24寸 | 24寸, 二十四寸 | 24英寸, 24吋
28寸 | 28寸, 超大 | 28英寸, 托运尺寸
屏27 | 27寸, 二十七寸 | 27英寸, 27吋
屏32 | 32寸, 三十二寸 | 32英寸, 32吋
单人 | 单人, 一人用, 一个人用的 | 单人, 1人用
双人 | 双人, 两人用, 两个人用的 | 双人, 2人用
多人 | 一家人用的, 全家用, 四口人用的 | 多人, 3-5人用
单座 | 单人, 一个人坐的 | 单人位, 1人位
双座 | 双人, 两个人坐的 | 双人位, 2人位
三座 | 三人, 三个人坐的 | 三人位, 大户型
"""

AMOUNT = """
1万 | 1万毫安, 一万毫安 | 10000mAh, 10000毫安时
2万 | 2万毫安, 两万毫安 | 20000mAh, 20000毫安时
半升 | 500毫升, 半升, 小容量 | 500ml, 0.5L
1升 | 1升, 一升, 大容量 | 1000ml, 1L
2升 | 2升, 两升 | 2000ml, 2L
半斤 | 半斤, 250克 | 250g, 小包装
一斤 | 一斤, 500克 | 500g, 量贩装
m码 | m码, 中号 | M码, 6-11kg
l码 | l码, 大号 | L码, 9-14kg
xl码 | xl码, 加大号 | XL码, 12-17kg
"""

DIGITAL = """
type-c | typec, type-c, c口 | Type-C, USB-C
扁口 | 安卓扁口, 老安卓, 旧安卓口 | Micro-USB, 安卓通用
4k | 4k, 超高清 | 4K, UHD, 2160P
1080p | 1080p, 全高清 | 1080P, FHD
新手 | 新手, 小白, 刚入门 | 入门级, 初学者
专业 | 专业, 高端 | 旗舰级, 专业级, 发烧
"""

MODEL = """
zolmi9 | zolmi9, 佐米9 | Zolmi 9, 佐米9代
zolmi9pro | zolmi9pro, 佐米9增强版 | Zolmi 9 Pro, 佐米9 Pro
qirvo-m3 | qirvo m3, 奇沃m3, qirvom3 | Qirvo M3, 奇沃M3
haptu5 | haptu5, 哈普图5 | Haptu 5, 哈普图五代
"""

BRAND = """
zolmi | zolmi, 佐米 | Zolmi, 佐米
qirvo | qirvo, 奇沃 | Qirvo, 奇沃
haptu | haptu, 哈普图 | Haptu, 哈普图
venluo | venluo, 云罗 | Venluo, 云罗
"""

NEED = """
猫 | 猫, 猫咪, 猫猫 | 猫用, 喵星人, 猫咪
狗 | 狗, 狗狗, 小狗 | 犬用, 宠物犬, 汪星人
兔 | 兔子, 小兔子 | 兔兔, 垂耳兔
去屑 | 去头屑, 头皮屑多用的 | 去屑止痒, 去屑
防脱 | 防掉头发, 脱发用的 | 防脱固发, 育发
控油 | 控油, 头发爱出油用的 | 蓬松去油, 清爽控油
敏感 | 敏感肌, 容易过敏用的 | 敏感肌, 舒缓修护
油皮 | 油皮, 脸爱出油用的 | 油性肌肤, 清爽不腻
干皮 | 干皮, 脸干用的 | 深层滋润, 干性肌肤
辣 | 辣的, 辣味 | 香辣, 麻辣
不辣 | 不辣的, 原味 | 五香, 原味
无糖 | 不加糖, 无糖 | 0糖, 0蔗糖
加奶 | 加奶, 奶味 | 拿铁, 奶香
红茶 | 红茶, 正山小种 | 祁门红茶, 红茶
绿茶 | 绿茶, 龙井 | 明前绿茶, 炒青绿茶
送礼 | 送礼的, 送人的 | 礼盒装, 伴手礼
自己喝 | 自己喝的, 平时喝的 | 口粮, 家庭实惠装
三岁 | 3岁, 三岁玩的 | 3岁以上, 幼儿
六岁 | 6岁, 六岁玩的 | 6岁以上, 小学生
鸡肉 | 鸡肉, 鸡肉味 | 鸡肉配方, 鲜鸡
鱼肉 | 鱼肉, 鱼肉味 | 深海鱼, 三文鱼配方
"""

ITEM = """
鞋 | 鞋子, 球鞋, 靴子 | 鞋靴, 鞋履
衣服 | 衣服, 外套, 裤子 | 服饰, 服装
手机 | 手机, 新手机 | 数码通讯, 手机数码
大家电 | 冰箱, 洗衣机, 空调 | 大家电, 家用电器
家具 | 沙发, 衣柜, 床 | 家具, 家居大件
食品 | 零食, 牛奶, 水果 | 食品, 食品生鲜
美妆 | 口红, 护肤品, 面膜 | 美妆, 美妆个护
图书 | 书, 课本 | 图书, 图书教材
箱包 | 包包, 行李箱 | 箱包, 箱包皮具
灯具 | 灯, 吊灯 | 灯具, 照明灯饰
"""

PAY = """
银行卡 | 银行卡, 储蓄卡 | 借记卡, 银行储蓄账户
信用卡 | 信用卡 | 贷记卡, 信用卡
余额 | 余额, 零钱 | 账户余额, 电子钱包
先享后付 | 先买后付, 月底再付 | 信用付, 先享后付
"""

STATE = """
未付款 | 没付款, 还没付钱 | 待支付, 未支付
已付款 | 刚付完款, 付过钱 | 待发货, 已支付
已发货 | 已经发货, 在路上 | 运输中, 已出库
"""

OFFICE = """
个人 | 个人, 私人 | 个人抬头, 个人
公司 | 公司, 单位 | 企业, 企业抬头
专票 | 专用, 能抵税 | 增值税专用, 增值税
"""

COUPON = """
新人 | 新人, 新用户, 第一次买 | 新客, 首单
生日 | 生日 | 会员生日, 寿星
满减 | 满减, 满300减 | 跨店满减, 满额立减
包邮 | 免邮, 免运费 | 运费抵扣, 运费
"""

CREDENTIAL = """
登录密码 | 登录密码, 密码 | 账户密码, 登录口令
支付密码 | 付款密码, 支付密码 | 交易密码, 支付密码
手机号 | 手机号, 电话号码 | 绑定手机, 联系号码
昵称 | 名字, 昵称 | 用户名, 会员昵称
邮箱 | 邮箱 | 电子邮箱, 安全邮箱
"""

MOMENT = """
周末 | 周末, 星期六 | 周末, 双休日
晚上 | 晚上, 下班后 | 夜间, 晚间
明天 | 明天, 明早 | 次日, 隔日
"""

PLACE = """
驿站 | 驿站, 代收点 | 自提点, 代收站点
家门口 | 家门口, 门口 | 住所门前, 送货上门
快递柜 | 快递柜, 快件柜 | 智能柜, 自提柜
"""

SLOTS = {
    "colour": slot(COLOUR),
    "people": slot(PEOPLE),
    "season": slot(SEASON),
    "wear": slot(WEAR),
    "scene": slot(SCENE),
    "material": slot(MATERIAL),
    "size": slot(SIZES),
    "amount": slot(AMOUNT),
    "spec": slot(DIGITAL),
    "level": slot(DIGITAL),
    "model": slot(MODEL),
    "brand": slot(BRAND),
    "need": slot(NEED),
    "use": slot(NEED),
    "item": slot(ITEM, ("东西", "商品")),
    "pay": slot(PAY, ("账户", "账号")),
    "state": slot(STATE, ("我",)),
    "office": slot(OFFICE, ("商品",)),
    "coupon": slot(COUPON, ("优惠",)),
    "credential": slot(CREDENTIAL, ("账号信息",)),
    "moment": slot(MOMENT, ("别的时间",)),
    "place": slot(PLACE, ("指定地点",)),
}

# pairs of lines: name | query wordings | title wordings, then title tags | slot: values
GOODS = """
手机壳 | 手机壳, 手机套, 壳子 | 手机保护套, 防摔外壳, 全包保护壳
    超薄, 防指纹 | model: zolmi9 zolmi9pro qirvo-m3 haptu5; colour: 黑 白 粉 绿
钢化膜 | 贴膜, 屏幕膜, 钢化膜 | 钢化膜, 防爆玻璃膜, 屏幕保护膜
    高清, 防窥可选 | model: zolmi9 zolmi9pro qirvo-m3 haptu5
充电宝 | 充电宝, 移动电源 | 移动电源, 便携充电宝, 备用电池
    快充, 可上飞机 | amount: 1万 2万; colour: 黑 白 粉 蓝
数据线 | 数据线, 充电线, 冲电线 | 快充线缆, 传输线, 闪充数据线
    编织, 耐弯折 | spec: type-c 扁口; size: 1米 2米 3米
耳机 | 蓝牙耳机, 无线耳机, 耳麦 | 真无线耳塞, 蓝牙耳机, 入耳式耳麦
    降噪, 长续航 | brand: zolmi qirvo haptu; scene: 运动 游戏 办公
相机 | 单反, 相机, 照相机 | 数码相机, 微单, 单反套机
    防抖, 送存储卡 | brand: qirvo haptu venluo; level: 新手 专业
显示器 | 显示器, 电脑屏幕 | 液晶显示屏, 显示器, 电脑屏
    窄边框, 低蓝光 | size: 屏27 屏32; spec: 4k 1080p; scene: 办公 游戏
投影仪 | 投影仪, 投影机 | 家庭影院, 智能投影, 微型投影机
    自动对焦, 免安装 | spec: 4k 1080p; scene: 宿舍 卧室 办公 户外
键盘 | 键盘, 打字键盘 | 机械键盘, 104键键盘
    热插拔, 静音轴 | scene: 办公 游戏; colour: 黑 白 粉 灰
鼠标 | 鼠标, 滑鼠 | 无线鼠标, 光电滑鼠
    轻音, 人体工学 | scene: 办公 游戏; colour: 黑 白 粉 灰
音箱 | 音箱, 音响, 小喇叭 | 蓝牙音箱, 便携扬声器, 低音炮
    立体声, 防水 | scene: 户外 客厅 车; colour: 黑 红 绿
台灯 | 台灯, 看书的灯 | 护眼灯, LED桌灯, 阅读灯
    无频闪, 可调光 | people: 儿童 学生; colour: 白 粉 蓝 绿
羽绒服 | 羽绒服, 羽绒衣 | 鹅绒外套, 羽绒服, 鸭绒棉衣
    连帽, 防风 | people: 男 女 儿童 老人; colour: 黑 白 红 绿
短袖 | 短袖, t恤 | T恤, 圆领体恤衫, 半袖上衣
    宽松, 透气 | people: 男 女 儿童; colour: 黑 白 灰 蓝
牛仔裤 | 牛仔裤, 牛仔长裤 | 丹宁长裤, 水洗牛仔裤
    直筒, 弹力 | people: 男 女 儿童; colour: 黑 蓝 灰
连衣裙 | 裙子, 连衣裙 | 连衣裙, 收腰长裙, 雪纺裙
    显瘦, 气质 | wear: 夏 冬 春秋; colour: 红 白 粉 绿
运动鞋 | 球鞋, 运动鞋, 跑步鞋 | 跑鞋, 缓震休闲鞋, 运动鞋
    透气, 防滑 | people: 男 女 儿童 老人; colour: 黑 白 红 灰
拖鞋 | 拖鞋, 家里穿的鞋 | 居家拖, 防滑拖鞋, 室内拖
    软底, 静音 | people: 男 女 儿童 老人; wear: 夏 冬 春秋
双肩包 | 书包, 双肩包, 背包 | 双肩背包, 大容量背囊
    防泼水, 减负 | people: 男 女 儿童 学生; colour: 黑 蓝 粉 灰
行李箱 | 行李箱, 拉杆箱, 旅行箱 | 万向轮拉杆箱, 密码箱, 旅行箱
    静音轮, 抗摔 | size: 20寸 24寸 28寸; colour: 黑 白 粉 蓝
袜子 | 袜子 | 中筒袜, 短袜, 棉袜
    5双装, 防臭 | people: 男 女 儿童; wear: 夏 冬 春秋
睡衣 | 睡衣, 家居服 | 家居服, 睡衣套装, 居家服
    两件套, 亲肤 | people: 男 女 儿童 孕妇; wear: 夏 冬 春秋
手表 | 手表, 腕表 | 石英腕表, 机械表
    夜光, 防水 | people: 男 女 学生 老人; colour: 黑 白 棕 蓝
墨镜 | 墨镜, 太阳镜 | 偏光镜, 遮阳眼镜, 太阳镜
    防紫外线, 送镜盒 | people: 男 女 儿童; colour: 黑 灰 棕
沙发 | 沙发 | 客厅沙发, 现代简约沙发, 轻奢沙发
    可拆洗, 高回弹 | size: 单座 双座 三座; material: 布 皮; colour: 灰 棕 白
床 | 床, 床架 | 床架, 箱体床, 高箱储物床
    静音排骨架, 现代简约 | size: 床1.2 床1.5 床1.8; material: 木 铁 皮
四件套 | 床单被套, 四件套, 床上用品 | 床品套件, 四件套, 被套床单组合
    不起球, 裸睡级 | size: 床1.2 床1.5 床1.8; colour: 灰 粉 白 蓝
被子 | 被子, 棉被 | 被芯, 盖被
    可水洗, 抗菌 | season: 夏 冬 春秋; size: 床1.2 床1.5 床1.8
枕头 | 枕头, 睡觉的枕头 | 枕芯, 护颈枕
    一对装, 低枕 | people: 儿童 老人 孕妇; material: 乳胶 记忆棉 棉
窗帘 | 窗帘, 帘子 | 遮光帘, 成品落地帘, 纱帘套装
    免打孔, 隔热 | scene: 卧室 客厅 宿舍; colour: 灰 蓝 粉 绿
椅子 | 椅子, 转椅 | 人体工学椅, 靠背转椅, 升降座椅
    护腰, 透气网布 | scene: 办公 游戏 宿舍; colour: 黑 白 灰
书桌 | 书桌, 写字台, 桌子 | 学习桌, 电脑桌, 写字桌
    带抽屉, 可升降 | size: 床1.2 床1.5 1米; material: 木 玻璃
保温杯 | 保温杯, 水杯, 杯子 | 真空杯, 保温杯, 随行杯
    带茶隔, 316内胆 | people: 男 女 儿童 老人; amount: 半升 1升
炒锅 | 炒菜锅, 锅, 炒锅 | 不粘锅, 平底炒锅, 无烟锅
    燃气电磁通用, 带盖 | size: 单人 多人; material: 铁 钢 陶瓷
碗 | 碗, 饭碗, 吃饭的碗 | 餐具碗, 米饭碗, 汤碗
    可微波, 10只装 | material: 陶瓷 钢 玻璃 木; people: 儿童 老人
电饭锅 | 电饭锅, 电饭煲, 煮饭锅 | 智能电饭煲, 预约煮饭煲
    不粘内胆, 快煮 | size: 单人 双人 多人; colour: 白 黑 绿
烧水壶 | 烧水壶, 热水壶 | 电热水壶, 开水煲, 电水壶
    自动断电, 防烫 | material: 钢 玻璃 陶瓷; amount: 半升 1升 2升
吹风机 | 吹风机, 电吹风 | 负离子风筒, 电吹风
    速干, 可折叠 | scene: 宿舍 旅行; colour: 白 粉 绿 红
风扇 | 电风扇, 风扇, 小风扇 | 循环扇, 落地扇, 桌面扇
    静音, 遥控定时 | scene: 宿舍 办公 卧室 车; colour: 白 黑 绿
加湿器 | 加湿器, 补水喷雾机 | 空气加湿机, 香薰雾化器
    大雾量, 无水断电 | scene: 卧室 办公 车; colour: 白 粉 绿
吸尘器 | 吸尘器, 吸灰的机器 | 手持除尘器, 无线吸尘机
    大吸力, 除螨 | brand: zolmi venluo haptu; scene: 车 卧室 客厅
宠物窝 | 窝, 睡觉的窝, 睡垫 | 宠物窝, 软垫棉窝, 睡眠垫
    可拆洗, 深度睡眠 | use: 猫 狗 兔; season: 夏 冬 春秋
宠物粮 | 粮, 口粮 | 主粮, 全价粮, 冻干粮
    无谷低敏, 美毛 | use: 猫 狗; need: 鸡肉 鱼肉
纸尿裤 | 尿不湿, 尿布, 纸尿裤 | 纸尿裤, 拉拉裤, 婴儿尿片
    干爽, 超薄透气 | amount: m码 l码 xl码; season: 夏 冬
奶瓶 | 奶瓶 | 宽口奶瓶, 防胀气奶瓶, 婴儿喂养瓶
    耐高温, 带手柄 | material: 玻璃 塑料 硅胶; colour: 粉 蓝 绿
积木 | 积木, 拼搭玩具 | 拼插玩具, 益智积木
    大颗粒, 带收纳桶 | need: 三岁 六岁; material: 木 塑料 硅胶
帐篷 | 帐篷 | 野营帐, 速开帐篷, 天幕帐
    防暴雨, 免搭建 | size: 单人 双人 多人; colour: 绿 白 棕
瑜伽垫 | 瑜伽垫, 健身垫 | 防滑运动垫, 瑜伽毯, 健身地垫
    加宽, 送背带 | people: 男 女 儿童; colour: 粉 蓝 绿 灰
牛肉干 | 牛肉干, 牛肉零食 | 风干牛肉, 手撕牛肉干
    独立包装, 内蒙风味 | need: 辣 不辣; amount: 半斤 一斤
坚果 | 坚果, 干果 | 每日坚果, 混合果仁
    烘焙, 罐装 | people: 孕妇 儿童 老人; amount: 半斤 一斤
茶叶 | 茶叶 | 茗茶, 茶叶
    新茶, 浓香 | use: 送礼 自己喝; need: 红茶 绿茶
咖啡 | 咖啡, 咖啡粉 | 速溶咖啡, 冷萃咖啡粉
    30条, 提神 | need: 无糖 加奶; scene: 办公 宿舍 旅行
洗发水 | 洗发水, 洗头膏 | 洗发露, 香波, 洗发乳
    留香, 无硅油 | people: 男 女 孕妇; need: 去屑 防脱 控油
面霜 | 面霜, 擦脸油 | 保湿霜, 润肤乳霜
    50g, 无香精 | people: 男 女 孕妇; need: 敏感 油皮 干皮
防晒霜 | 防晒霜, 防晒 | 防晒乳, 隔离乳
    SPF50, 不泛白 | people: 男 女 儿童; need: 敏感 油皮 干皮
牙刷 | 电动牙刷, 牙刷 | 声波牙刷, 净齿刷
    软毛, 充电式 | people: 男 女 儿童; colour: 白 粉 蓝 黑
"""

# blocks of four lines: name, slot: values, query wordings, title wordings
HELP = """
退货
item: 鞋 衣服 手机 大家电 家具 食品 美妆 图书 箱包 灯具
{item}怎么退, {item}不想要了想退掉, 想退{item}, {item}不喜欢能退钱吗
{item}类商品退货流程, 如何办理{item}类退款, {item}七天无理由说明
换货
item: 鞋 衣服 手机 大家电 家具 图书 箱包 灯具
{item}买错了想换一个, {item}能换吗, {item}不合适怎么换
{item}类商品更换指南, 如何申请{item}类换货, {item}调换规则
破损
item: 手机 大家电 家具 食品 美妆 图书 箱包 灯具
收到的{item}是坏的, {item}一拆开就是坏的, {item}有问题找谁
{item}类破损理赔, {item}质量问题售后处理, {item}类瑕疵赔付说明
少件
item: 鞋 衣服 食品 美妆 图书 灯具 家具
{item}少发了一件, {item}没收全, 漏了{item}没给我
{item}订单缺件补寄, {item}类漏发处理办法
保修
item: 手机 大家电 家具 箱包 灯具
{item}保修多久, {item}用了一年坏了能修吗, {item}去哪修
{item}质保期限, {item}维修网点查询, {item}类售后保固政策
安装
item: 大家电 家具 灯具
{item}有人上门装吗, {item}谁来装, 装{item}要钱吗
{item}上门安装预约, {item}类安装收费标准
物流
item: 鞋 衣服 手机 大家电 家具 食品 美妆 图书
我的{item}到哪了, {item}怎么还没到, {item}几天能到
{item}订单物流查询, 如何查看{item}类配送进度, {item}包裹运输状态
正品
item: 鞋 衣服 手机 美妆 箱包
{item}是真的吗, {item}会不会是假货, 怕买到假{item}
{item}正品保障, {item}类真伪鉴定, {item}防伪码查询
保价
item: 鞋 衣服 手机 大家电 美妆 箱包 家具
刚买的{item}就降价了, {item}买贵了, {item}能补差价吗
{item}价格保护申请, {item}类保价规则, {item}差额补偿说明
尺码
item: 鞋 衣服
{item}选多大码, {item}偏大还是偏小, {item}号码准不准
{item}尺码对照表, {item}选购尺寸建议
回收
item: 手机 大家电 家具 图书 箱包
旧{item}能回收吗, 旧{item}卖给你们行吗, {item}旧的怎么处理
{item}以旧换新, 闲置{item}回收服务, 二手{item}估价
退款到账
pay: 银行卡 信用卡 余额 先享后付
钱什么时候退到{pay}, 退到{pay}要几天, {pay}付的钱还没退回来
{pay}退款到账时效, 原路返还{pay}的时间
付款失败
pay: 银行卡 信用卡 余额 先享后付
{pay}付不了款, 用{pay}付钱老失败, {pay}怎么扣不了
{pay}支付失败原因, {pay}交易异常处理
绑定支付
pay: 银行卡 信用卡 先享后付
怎么绑{pay}, 想加个{pay}, {pay}在哪添加
{pay}绑定教程, 新增{pay}支付方式
取消订单
state: 未付款 已付款 已发货
{state}的订单怎么取消, {state}能取消吗, {state}又不想买了
{state}订单撤销方法, 如何取消{state}订单
改地址
state: 未付款 已付款 已发货
{state}还能改地址吗, {state}发现地址写错了, {state}想换个地方收
{state}订单修改收货信息, {state}订单变更收件人地址
改规格
state: 未付款 已付款 已发货
{state}发现颜色选错了, {state}才看到拍错型号, {state}能改款式吗
{state}订单更换规格, 如何调整{state}订单商品属性
开发票
office: 个人 公司 专票
怎么开{office}发票, 要开{office}的票, {office}发票在哪弄
{office}发票开具指南, 申请{office}电子发票
发票开错
office: 个人 公司 专票
{office}发票开错了, {office}发票信息写错能重开吗
{office}发票更正重开, {office}发票红冲换开
领券
coupon: 新人 生日 满减 包邮
{coupon}券在哪领, 怎么拿{coupon}券, 有没有{coupon}的券
{coupon}优惠券领取入口, {coupon}礼券发放规则
券不能用
coupon: 新人 生日 满减 包邮
{coupon}券用不了, {coupon}券为啥不能用, {coupon}券没抵扣
{coupon}优惠券使用条件, {coupon}礼券无法核销原因
券过期
coupon: 新人 生日 满减 包邮
{coupon}券过期了咋办, {coupon}券没来得及用
{coupon}优惠券有效期说明, {coupon}礼券失效补发
修改资料
credential: 登录密码 支付密码 手机号 昵称 邮箱
怎么改{credential}, 想换{credential}, {credential}在哪里改
{credential}修改步骤, 更新{credential}教程
忘记
credential: 登录密码 支付密码 昵称 邮箱
{credential}忘了, {credential}想不起来了, 不记得{credential}
找回{credential}, {credential}遗忘重置
预约送货
moment: 周末 晚上 明天
能不能{moment}送, {moment}再送过来, 我{moment}才有空收
预约{moment}配送, {moment}派件设置
自提
place: 驿站 家门口 快递柜
帮我放{place}就行, 能放{place}吗
指定{place}收货, {place}投递设置
找不到件
place: 驿站 家门口 快递柜
{place}没找到我的包裹, 说放{place}了可是没有
{place}取件异常, {place}包裹丢失处理
"""

CARRIERS = {
    "goods": Wording(
        query=(
            "{before}{head}",
            "{before}{head}",
            "{before}{head}",
            "{head} {before}",
            "有没有{before}{head}",
            "求推荐{before}{head}",
            "想买{before}{head}",
            "{before}{head}哪款好",
            "{before}{head}多少钱",
            "{before}{head}便宜点",
        ),
        title=(
            "{brand} {before}{head} {tag} {filler}",
            "{filler} {before}{head} {tag}",
            "【{filler}】{brand} {head} {before} {tag}",
            "{brand} {head}{before} {tag} {filler}",
            "{before}{head} {tag} {brand}",
        ),
    ),
    "help": Wording(
        query=(
            "{head}",
            "{head}",
            "{head}",
            "你好 {head}",
            "客服 {head}",
            "{head} 急",
            "在吗 {head}",
        ),
        title=(
            "{head}",
            "{head}",
            "帮助中心 {head}",
            "常见问题:{head}",
            "{head}(新版)",
            "{head} 图文版",
            "客服指引 {head}",
        ),
    ),
}

BRANDS = ("栖木里", "Nuvanto", "暖屿屋", "Tavelo", "小榛家", "Hapuno", "青禾铺", "")
FILLERS = ("包邮", "官方正品", "新品上架", "现货速发", "限时特价", "送运费险", "厂家直销", "")


def finish(side: str, family: str, text: str) -> str:
    """Drop an empty title bracket and doubled spaces."""
    return re.sub(r" +", " ", text.replace("【】", "")).strip()


CATALOGUE = Catalogue(
    heads=products("goods", GOODS) + questions("help", HELP),
    slots=SLOTS,
    carriers=CARRIERS,
    brands=BRANDS,
    fillers=FILLERS,
    gap="",
    finish=finish,
)

if __name__ == "__main__":
    raise SystemExit(main(CATALOGUE, PLAN, Path(__file__).resolve().parent))
